package main

import (
	"context"
	"errors"
	"log"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	storagelisters "k8s.io/client-go/listers/storage/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	provisioner   = "foreshard.local/disk"
	nodeLabel     = "foreshard.local/node"
	provisionedBy = "pv.kubernetes.io/provisioned-by"
	selectedNode  = "volume.kubernetes.io/selected-node"
	pauseAfter    = 5 * time.Second // after a failure, before the same claim is tried again
)

// volumes serves the claims of one node: a claim becomes a disk (disk.go) that is published as a "local" volume, so that
// sizes are real, fsGroup is applied, a claim can be enlarged, and a full disk can be tested.
type volumes struct {
	node    string
	disks   disks
	client  kubernetes.Interface
	claims  corelisters.PersistentVolumeClaimLister
	volumes corelisters.PersistentVolumeLister
	classes storagelisters.StorageClassLister
	wake    chan struct{}
	notYet  map[types.UID]time.Time
}

func newVolumesCommand() *cobra.Command {
	var kubeconfig, directory, node string
	command := &cobra.Command{
		Use:   "volumes",
		Short: "Make a file system for each volume claim of this node",
		RunE: func(*cobra.Command, []string) error {
			return serve(context.Background(), kubeconfig, directory, node)
		},
	}
	command.Flags().StringVar(&kubeconfig, "kubeconfig", "", "how to reach the API server")
	command.Flags().StringVar(&directory, "directory", "", "where the disks lie and are mounted")
	command.Flags().StringVar(&node, "node", "", "the name of this node")
	return command
}

func serve(ctx context.Context, kubeconfig, directory, node string) error {
	if directory == "" || node == "" {
		return errors.New("--directory and --node are needed")
	}
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	config.QPS, config.Burst = 50, 100
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	core, storage := factory.Core().V1(), factory.Storage().V1()
	v := &volumes{
		node: node, disks: disks{directory}, client: client,
		claims: core.PersistentVolumeClaims().Lister(), volumes: core.PersistentVolumes().Lister(),
		classes: storage.StorageClasses().Lister(),
		wake:    make(chan struct{}, 1), notYet: map[types.UID]time.Time{},
	}
	look := cache.ResourceEventHandlerFuncs{
		AddFunc: func(any) { v.Wake() }, UpdateFunc: func(any, any) { v.Wake() }, DeleteFunc: func(any) { v.Wake() },
	}
	for _, informer := range []cache.SharedIndexInformer{core.PersistentVolumeClaims().Informer(),
		core.PersistentVolumes().Informer(), storage.StorageClasses().Informer()} {
		if _, err := informer.AddEventHandler(look); err != nil {
			return err
		}
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	log.Print("ready")
	retry := time.NewTicker(pauseAfter)
	for {
		v.pass(ctx)
		select {
		case <-v.wake:
		case <-retry.C:
		}
	}
}

// Wake asks for a pass; several askings are one.
func (v *volumes) Wake() {
	select {
	case v.wake <- struct{}{}:
	default:
	}
}

// pass looks at everything once and does what is missing. It only reads the cache, so an idle pass costs nothing.
func (v *volumes) pass(ctx context.Context) {
	claims, _ := v.claims.List(labels.Everything())
	for _, claim := range claims {
		if time.Now().Before(v.notYet[claim.UID]) {
			continue
		}
		if err := v.serveClaim(ctx, claim); err != nil {
			log.Printf("%s/%s: %v", claim.Namespace, claim.Name, err)
			v.notYet[claim.UID] = time.Now().Add(pauseAfter)
		}
	}
	all, _ := v.volumes.List(labels.Everything())
	for _, volume := range all {
		if err := v.release(ctx, volume); err != nil {
			log.Printf("%s: %v", volume.Name, err)
		}
	}
}

// classOf gives the claim's class if it is one of ours.
func (v *volumes) classOf(claim *corev1.PersistentVolumeClaim) *storagev1.StorageClass {
	if claim.Spec.StorageClassName == nil {
		return nil
	}
	class, err := v.classes.Get(*claim.Spec.StorageClassName)
	if err != nil || class.Provisioner != provisioner {
		return nil
	}
	return class
}

func (v *volumes) serveClaim(ctx context.Context, claim *corev1.PersistentVolumeClaim) error {
	class := v.classOf(claim)
	if class == nil || claim.DeletionTimestamp != nil {
		return nil
	}
	if claim.Spec.VolumeName == "" {
		if claim.Annotations[selectedNode] != v.node {
			return nil
		}
		if _, err := v.volumes.Get("pvc-" + string(claim.UID)); err == nil {
			return nil // Made already; the controller manager has not bound it yet.
		}
		return v.create(ctx, class, claim)
	}
	volume, err := v.volumes.Get(claim.Spec.VolumeName)
	if err != nil || volume.Labels[nodeLabel] != v.node || claim.Status.Phase != corev1.ClaimBound {
		return nil
	}
	have, want := claim.Status.Capacity[corev1.ResourceStorage], claim.Spec.Resources.Requests[corev1.ResourceStorage]
	if class.AllowVolumeExpansion == nil || !*class.AllowVolumeExpansion || want.Cmp(have) <= 0 {
		return nil
	}
	return v.expand(ctx, claim)
}

func (v *volumes) create(ctx context.Context, class *storagev1.StorageClass, claim *corev1.PersistentVolumeClaim) error {
	began := time.Now()
	name := "pvc-" + string(claim.UID)
	size := claim.Spec.Resources.Requests[corev1.ResourceStorage]
	path, err := v.disks.Create(name, size.Value())
	if err != nil {
		return err
	}
	reclaim := corev1.PersistentVolumeReclaimDelete
	if class.ReclaimPolicy != nil {
		reclaim = *class.ReclaimPolicy
	}
	volume := &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{
			Name:        name,
			Labels:      map[string]string{nodeLabel: v.node},
			Annotations: map[string]string{provisionedBy: provisioner},
		},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: size},
			AccessModes:                   claim.Spec.AccessModes,
			PersistentVolumeReclaimPolicy: reclaim,
			StorageClassName:              class.Name,
			PersistentVolumeSource:        corev1.PersistentVolumeSource{Local: &corev1.LocalVolumeSource{Path: path}},
			ClaimRef: &corev1.ObjectReference{APIVersion: "v1", Kind: "PersistentVolumeClaim",
				Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID},
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{
				NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{{
					Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{v.node}}}}}}},
		},
	}
	_, err = v.client.CoreV1().PersistentVolumes().Create(ctx, volume, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	log.Printf("%s/%s: %s made in %s", claim.Namespace, claim.Name, size.String(), time.Since(began).Round(time.Millisecond))
	return nil
}

func (v *volumes) expand(ctx context.Context, claim *corev1.PersistentVolumeClaim) error {
	size := claim.Spec.Resources.Requests[corev1.ResourceStorage]
	if err := v.disks.Grow(claim.Spec.VolumeName, size.Value()); err != nil {
		return err
	}
	spec := []byte(`{"spec":{"capacity":{"storage":"` + size.String() + `"}}}`)
	if _, err := v.client.CoreV1().PersistentVolumes().Patch(ctx, claim.Spec.VolumeName, types.MergePatchType, spec,
		metav1.PatchOptions{}); err != nil {
		return err
	}
	status := []byte(`{"status":{"capacity":{"storage":"` + size.String() + `"},"conditions":null}}`)
	_, err := v.client.CoreV1().PersistentVolumeClaims(claim.Namespace).Patch(ctx, claim.Name, types.MergePatchType, status,
		metav1.PatchOptions{}, "status")
	log.Printf("%s/%s: grown to %s: %v", claim.Namespace, claim.Name, size.String(), err)
	return err
}

// release deletes a volume of this node whose claim has gone.
func (v *volumes) release(ctx context.Context, volume *corev1.PersistentVolume) error {
	if volume.Annotations[provisionedBy] != provisioner || volume.Labels[nodeLabel] != v.node ||
		volume.Status.Phase != corev1.VolumeReleased || volume.DeletionTimestamp != nil ||
		volume.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimDelete {
		return nil
	}
	if err := v.disks.Remove(volume.Name); err != nil {
		if strings.Contains(err.Error(), "busy") {
			return nil // A container still ends; the next pass comes in seconds.
		}
		return err
	}
	err := v.client.CoreV1().PersistentVolumes().Delete(ctx, volume.Name, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	log.Printf("%s: removed", volume.Name)
	return nil
}
