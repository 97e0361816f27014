// The Keychain, the camera and the links of iOS.

#import <AVFoundation/AVFoundation.h>
#import <Security/Security.h>
#import <UIKit/UIKit.h>
#include <string.h>

#include "_cgo_export.h"

static NSMutableDictionary *item(const char *name) {
	return [@{
		(__bridge id)kSecClass : (__bridge id)kSecClassGenericPassword,
		(__bridge id)kSecAttrService : @"id.zegel.wallet",
		(__bridge id)kSecAttrAccount : [NSString stringWithUTF8String:name],
	} mutableCopy];
}

int zegelKeyGet(const char *name, uint8_t **out, int *n) {
	NSMutableDictionary *query = item(name);
	query[(__bridge id)kSecReturnData] = @YES;
	query[(__bridge id)kSecMatchLimit] = (__bridge id)kSecMatchLimitOne;
	CFTypeRef found = NULL;
	OSStatus status = SecItemCopyMatching((__bridge CFDictionaryRef)query, &found);
	if (status != errSecSuccess) {
		return (int)status;
	}
	NSData *data = CFBridgingRelease(found);
	*n = (int)data.length;
	*out = malloc(data.length + 1);
	memcpy(*out, data.bytes, data.length);
	return 0;
}

int zegelKeySet(const char *name, const uint8_t *secret, int n) {
	NSData *data = [NSData dataWithBytes:secret length:(NSUInteger)n];
	NSMutableDictionary *query = item(name);
	OSStatus status = SecItemUpdate((__bridge CFDictionaryRef)query, (__bridge CFDictionaryRef)@{(__bridge id)kSecValueData : data});
	if (status != errSecItemNotFound) {
		return (int)status;
	}
	// Not in a backup, not in iCloud, and only while the phone is unlocked.
	query[(__bridge id)kSecValueData] = data;
	query[(__bridge id)kSecAttrAccessible] = (__bridge id)kSecAttrAccessibleWhenUnlockedThisDeviceOnly;
	return (int)SecItemAdd((__bridge CFDictionaryRef)query, NULL);
}

int zegelKeyDelete(const char *name) { return (int)SecItemDelete((__bridge CFDictionaryRef)item(name)); }

@interface ZegelCamera : NSObject <AVCaptureVideoDataOutputSampleBufferDelegate>
@property(nonatomic, strong) AVCaptureSession *session;
@property(nonatomic, strong) dispatch_queue_t queue;
@property(nonatomic) BOOL wanted;
@end

@implementation ZegelCamera

- (void)start {
	if (!self.wanted) {
		return;
	}
	AVCaptureDevice *device = [AVCaptureDevice defaultDeviceWithMediaType:AVMediaTypeVideo];
	AVCaptureDeviceInput *input = device == nil ? nil : [AVCaptureDeviceInput deviceInputWithDevice:device error:nil];
	AVCaptureVideoDataOutput *output = [AVCaptureVideoDataOutput new];
	AVCaptureSession *session = [AVCaptureSession new];
	if (input == nil || ![session canAddInput:input] || ![session canAddOutput:output]) {
		return;
	}
	session.sessionPreset = AVCaptureSessionPreset1280x720;
	output.alwaysDiscardsLateVideoFrames = YES;
	output.videoSettings = @{(id)kCVPixelBufferPixelFormatTypeKey : @(kCVPixelFormatType_420YpCbCr8BiPlanarFullRange)};
	[output setSampleBufferDelegate:self queue:self.queue];
	[session addInput:input];
	[session addOutput:output];
	self.session = session;
	[session startRunning];
}

- (void)captureOutput:(AVCaptureOutput *)output didOutputSampleBuffer:(CMSampleBufferRef)buffer fromConnection:(AVCaptureConnection *)connection {
	CVImageBufferRef image = CMSampleBufferGetImageBuffer(buffer);
	if (image == NULL || CVPixelBufferLockBaseAddress(image, kCVPixelBufferLock_ReadOnly) != kCVReturnSuccess) {
		return;
	}
	// The first plane is how bright it is: a code needs no more. The sensor lies on its side.
	int w = (int)CVPixelBufferGetWidthOfPlane(image, 0), h = (int)CVPixelBufferGetHeightOfPlane(image, 0);
	int stride = (int)CVPixelBufferGetBytesPerRowOfPlane(image, 0);
	zegelPicture(CVPixelBufferGetBaseAddressOfPlane(image, 0), stride * h, w, h, stride, 90);
	CVPixelBufferUnlockBaseAddress(image, kCVPixelBufferLock_ReadOnly);
}

@end

static ZegelCamera *camera_of(void) {
	static ZegelCamera *camera;
	static dispatch_once_t once;
	dispatch_once(&once, ^{
		camera = [ZegelCamera new];
		camera.queue = dispatch_queue_create("id.zegel.camera", DISPATCH_QUEUE_SERIAL);
	});
	return camera;
}

void zegelCameraOpen(void) {
	ZegelCamera *camera = camera_of();
	dispatch_async(camera.queue, ^{ camera.wanted = YES; });
	[AVCaptureDevice requestAccessForMediaType:AVMediaTypeVideo completionHandler:^(BOOL granted) {
		if (granted) {
			dispatch_async(camera.queue, ^{ [camera start]; });
		}
	}];
}

void zegelCameraClose(void) {
	ZegelCamera *camera = camera_of();
	dispatch_async(camera.queue, ^{
		camera.wanted = NO;
		[camera.session stopRunning];
		camera.session = nil;
	});
}

// The delegate is Fyne's; it has no method for links.
@interface GoAppAppDelegate : UIResponder <UIApplicationDelegate>
@end

@interface GoAppAppDelegate (Zegel)
@end

@implementation GoAppAppDelegate (Zegel)

- (BOOL)application:(UIApplication *)application openURL:(NSURL *)url options:(NSDictionary<UIApplicationOpenURLOptionsKey, id> *)options {
	zegelLinked((char *)url.absoluteString.UTF8String);
	return YES;
}

@end
